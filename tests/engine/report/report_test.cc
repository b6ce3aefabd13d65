// SPDX-License-Identifier: Apache-2.0
#include "engine/report/report.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/engine/report/made_up_facts.h"

namespace octet::report {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos;
       at = text.find(part, at + part.size())) {
    ++count;
  }
  return count;
}

TEST(JsonReportTest, TellsEverythingByItsKey) {
  const Json json = Json::parse(Render(MadeUpFacts(5)).json);
  EXPECT_EQ(json["format"], 1);
  EXPECT_EQ(json["verdict"], "keep");
  EXPECT_EQ(json["evaluation"]["accuracy"]["change"]["value"], -0.002);
  EXPECT_EQ(json["evaluation"]["timing"]["speedup"]["high"], 2.64);
  EXPECT_EQ(json["evaluation"]["bytes"]["int8"], 305512);
  EXPECT_EQ(json["quantization"]["method"], "histogram");
  EXPECT_EQ(json["quantization"]["remedies"][1]["kept"], false);
  ASSERT_EQ(json["layers"].size(), 5);
  EXPECT_EQ(json["layers"][3]["name"], "block1/layer3");
  EXPECT_EQ(json["layers"][3]["type"], "uint8");
  EXPECT_EQ(json["layers"][3]["histogram"]["counts"].size(), 64);
}

TEST(ReportTest, EveryFormTellsThatNoDataWasUsed) {
  ReportFacts facts = MadeUpFacts(5);
  EXPECT_TRUE(
      Json::parse(Render(facts).json)["quantization"]["synthetic"].is_null());
  EXPECT_THAT(Render(facts).text, HasSubstr("100 calibration samples"));
  facts.options.synthetic = {{kHostileName, -2, 3, false, false}};
  const RenderedReport report = Render(facts);
  const Json synthetic = Json::parse(report.json)["quantization"]["synthetic"];
  EXPECT_EQ(synthetic["inputs"][0]["min"], -2);
  EXPECT_EQ(synthetic["inputs"][0]["declared"], false);
  for (const std::string& form : {report.text, report.html}) {
    EXPECT_THAT(form, HasSubstr("100 synthetic samples"));
    EXPECT_THAT(form, HasSubstr("No data"));
  }
  EXPECT_THAT(report.html, Not(HasSubstr("<script>window.injected")));
}

TEST(JsonReportTest, HasNumbersForWhatJsonHasNone) {
  const Json json = Json::parse(Render(HostileFacts()).json);
  EXPECT_EQ(json["evaluation"]["sqnr_db"]["value"], -200);
  EXPECT_TRUE(json["evaluation"]["sqnr_db"]["high"].is_null());
  EXPECT_TRUE(json["layers"][2]["own_sqnr_db"].is_null());
  EXPECT_TRUE(json["layers"][6]["scale"].is_null());
}

TEST(TextReportTest, BeginsWithTheVerdictAndFitsATerminal) {
  const std::string text = Render(MadeUpFacts(5)).text;
  EXPECT_THAT(text, HasSubstr("\n\nKeep it: it is right as often"));
  EXPECT_THAT(text, HasSubstr("accuracy         81.4 %"));
  EXPECT_THAT(text, HasSubstr("cross-layer equalization  26.4 dB  26.1 dB  "
                              "-0.3 +- 0.2  dropped"));
  EXPECT_THAT(text, HasSubstr("block1/layer4"));
}

TEST(TextReportTest, LetsNoControlCharacterThrough) {
  const std::string text = Render(HostileFacts()).text;
  for (const char byte : text) {
    EXPECT_TRUE(byte == '\n' || static_cast<unsigned char>(byte) >= 0x20);
  }
}

TEST(HtmlReportTest, LoadsNothingFromAnywhere) {
  const std::string html = Render(MadeUpFacts(12)).html;
  EXPECT_THAT(html, AllOf(Not(HasSubstr("http:")), Not(HasSubstr("https:")),
                          Not(HasSubstr("src=")), Not(HasSubstr("@import")),
                          Not(HasSubstr("url("))));
}

TEST(HtmlReportTest, EscapesWhateverAModelSays) {
  const std::string html = Render(HostileFacts()).html;
  EXPECT_EQ(CountOf(html, "<script>"), 1);
  EXPECT_EQ(CountOf(html, "</title>"), CountOf(html, "<title>"));
  EXPECT_EQ(CountOf(html, "</title></style>"), 0);
  EXPECT_EQ(CountOf(html, "</style>"), 1);
  EXPECT_EQ(CountOf(html, "<img"), 0);
  EXPECT_EQ(CountOf(html, "onerror=\""), 0);
  EXPECT_EQ(html.find('\xff'), std::string::npos);
  EXPECT_EQ(html.find('\x01'), std::string::npos);
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;window.injected = 1"));
}

TEST(HtmlReportTest, DrawsNoNumberThatIsNone) {
  const std::string html = Render(HostileFacts()).html;
  for (const char* attribute :
       {" d=\"", " x=\"", " y=\"", " width=\"", " height=\"", " style=\""}) {
    for (size_t at = html.find(attribute); at != std::string::npos;
         at = html.find(attribute, at + 1)) {
      const size_t begin = at + std::string(attribute).size();
      const std::string value =
          html.substr(begin, html.find('"', begin) - begin);
      EXPECT_THAT(value, AllOf(Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
    }
  }
}

TEST(HtmlReportTest, SaysTheVerdictBeforeTheFigures) {
  const std::string html = Render(MadeUpFacts(4)).html;
  const size_t verdict = html.find("Keep it: ");
  ASSERT_NE(verdict, std::string::npos);
  EXPECT_LT(verdict, html.find("class=\"tiles\""));
  EXPECT_LT(html.find("class=\"tiles\""), html.find("<svg"));
  EXPECT_EQ(CountOf(html, "<svg"), 2 + 4);
}

}  // namespace
}  // namespace octet::report
